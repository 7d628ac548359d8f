# Toolchain: the same for 32 bits (gcc-mingw-w64-i686-posix). Nothing here runs it.
set(CORDON_MINGW i686)
include(${CMAKE_CURRENT_LIST_DIR}/mingw.cmake)
unset(CMAKE_CROSSCOMPILING_EMULATOR)
