# OpenBLAS with LAPACK: Debian's static pthread build (the serial build is not safe to call from several threads), or one
# that scripts/lib/zig-build.mjs made for a platform without such a package.

set(GEMMULE_OPENBLAS "" CACHE FILEPATH "The static OpenBLAS archive (pthread build); empty to look for Debian's")
option(GEMMULE_OPENBLAS_FROM_SOURCE "GEMMULE_OPENBLAS is of scripts/lib/zig-build.mjs: it calls the engine by name" OFF)
if(NOT GEMMULE_OPENBLAS)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
    set(OPENBLAS_PLATFORM aarch64-linux-gnu)
  else()
    set(OPENBLAS_PLATFORM x86_64-linux-gnu)
  endif()
  find_file(OPENBLAS_ARCHIVE libopenblas.a
    PATHS /usr/lib/${OPENBLAS_PLATFORM}/openblas-pthread /usr/lib/openblas-pthread /usr/local/lib
    NO_DEFAULT_PATH NO_CMAKE_FIND_ROOT_PATH REQUIRED)
else()
  set(OPENBLAS_ARCHIVE ${GEMMULE_OPENBLAS})
endif()

add_library(gemmule_openblas INTERFACE)
if(GEMMULE_OPENBLAS_FROM_SOURCE)
  target_link_libraries(gemmule_openblas INTERFACE ${OPENBLAS_ARCHIVE})
  return()
endif()
target_compile_definitions(gemmule_openblas INTERFACE GEMMULE_OPENBLAS_WRAPPED)

# Debian's archive holds kernels for 20 x86 processors, which would be most of the addon. Naming a processor's table as another's
# that needs the same instructions or fewer keeps its kernels from being linked at all. What is left is SSE3 (Prescott),
# AVX2 with FMA (Haswell) and AVX-512 (Skylake-X). Only Opterons of 2003 lack SSE3, and they do not run Node 20.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  foreach(core ATOM BARCELONA BOBCAT BULLDOZER CORE2 DUNNINGTON EXCAVATOR NANO NEHALEM OPTERON OPTERON_SSE3 PENRYN
      PILEDRIVER SANDYBRIDGE STEAMROLLER)
    target_link_options(gemmule_openblas INTERFACE -Wl,--defsym=gotoblas_${core}=gotoblas_PRESCOTT)
  endforeach()
  target_link_options(gemmule_openblas INTERFACE
    -Wl,--defsym=gotoblas_ZEN=gotoblas_HASWELL -Wl,--defsym=gotoblas_COOPERLAKE=gotoblas_SKYLAKEX)
endif()
# Their definitions (native/linalg/fortran_runtime.cc) come before the archive that needs them.
target_link_options(gemmule_openblas INTERFACE -Wl,--undefined=_gfortran_concat_string)
target_link_libraries(gemmule_openblas INTERFACE ${OPENBLAS_ARCHIVE} m)
# native/linalg/blas.cc answers what OpenBLAS asks of the environment, and of the C library.
target_link_options(gemmule_openblas INTERFACE -Wl,--wrap=getenv -Wl,--undefined=__wrap_getenv
  -Wl,--wrap=pthread_atfork -Wl,--undefined=__wrap_pthread_atfork)
