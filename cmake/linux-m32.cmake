# Toolchain: 32 bits, run by the same kernel. Debian's gcc-12-multilib; not gcc-multilib, which
# would remove every cross compiler, and would bring the asm folder that is found here by hand.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR i686)
set(CMAKE_C_COMPILER gcc-12)
set(CMAKE_C_FLAGS_INIT "-m32 -idirafter /usr/include/x86_64-linux-gnu")
include(${CMAKE_CURRENT_LIST_DIR}/target.cmake)
