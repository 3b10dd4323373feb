/** The version of the gemmule package. */
export const VERSION = '0.1.0';
