# Toolchain: musl instead of glibc, static (musl-tools). musl-gcc knows no kernel headers;
# ci/target makes a folder of them alone.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER musl-gcc)
set(CMAKE_C_FLAGS_INIT "-idirafter $ENV{CORDON_KERNEL_HEADERS}")
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
include(${CMAKE_CURRENT_LIST_DIR}/target.cmake)
