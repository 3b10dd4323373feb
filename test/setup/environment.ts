/*
 * What somebody's shell or a build server has set is not what is tested: colours in the output of programs, proxies between a
 * test and its own server, options and certificates of Node, of which it may warn, and settings of the Hugging Face Hub.
 */
const FOREIGN =
  /^(FORCE_COLOR|NO_COLOR|(https?|all|no)_proxy|NODE_(OPTIONS|DEBUG|EXTRA_CA_CERTS)|HF_\w+|HUGGINGFACE_\w+|XDG_CACHE_HOME|GEMMULE_API_KEYS)$/i;

for (const name of Object.keys(process.env)) if (FOREIGN.test(name)) delete process.env[name];
