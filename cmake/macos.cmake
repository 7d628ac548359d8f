# Toolchain: macOS programs from a Linux machine with zig, to compile and link; nothing here runs
# them. CORDON_MACOS: aarch64 or x86_64. CORDON_ZIG: a folder with cc, ar and ranlib (ci/cells/zig).
set(CMAKE_SYSTEM_NAME Darwin)
set(CMAKE_SYSTEM_PROCESSOR $ENV{CORDON_MACOS})
set(CMAKE_C_COMPILER $ENV{CORDON_ZIG}/cc)
set(CMAKE_AR $ENV{CORDON_ZIG}/ar)
set(CMAKE_RANLIB $ENV{CORDON_ZIG}/ranlib)
include(${CMAKE_CURRENT_LIST_DIR}/target.cmake)
