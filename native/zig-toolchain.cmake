# Cross-builds by the clang, C libraries and headers that Zig brings, for the systems that Debian has no compiler for.
# scripts/lib/zig-build.mjs passes the program (GEMMULE_ZIG), Zig's name of the target (GEMMULE_ZIG_TARGET),
# CMAKE_SYSTEM_NAME, CMAKE_SYSTEM_PROCESSOR and CMAKE_CROSSCOMPILING_EMULATOR.

list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES
  GEMMULE_ZIG GEMMULE_ZIG_TARGET CMAKE_SYSTEM_NAME CMAKE_SYSTEM_PROCESSOR)

# Without -mcpu, code is made for the processor of this machine when the target's architecture is its own.
set(CMAKE_C_COMPILER ${GEMMULE_ZIG} cc -target ${GEMMULE_ZIG_TARGET} -mcpu=baseline)
set(CMAKE_CXX_COMPILER ${GEMMULE_ZIG} c++ -target ${GEMMULE_ZIG_TARGET} -mcpu=baseline)

# CMake wants these without arguments.
foreach(tool ar ranlib)
  file(WRITE ${CMAKE_BINARY_DIR}/zig-${tool} "#!/bin/sh\nexec '${GEMMULE_ZIG}' ${tool} \"$@\"\n")
  file(CHMOD ${CMAKE_BINARY_DIR}/zig-${tool} PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
endforeach()
set(CMAKE_AR ${CMAKE_BINARY_DIR}/zig-ar)
set(CMAKE_RANLIB ${CMAKE_BINARY_DIR}/zig-ranlib)

set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
