{
  # CMakeLists.txt defines the build; this hands node-gyp over to it.
  "targets": [
    {
      "target_name": "gemmule",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake",
          "inputs": ["CMakeLists.txt"],
          "outputs": ["<(module_root_dir)/build/Release/gemmule.node"],
          "action": ["node", "<(module_root_dir)/scripts/build-native.mjs"]
        }
      ]
    }
  ]
}
