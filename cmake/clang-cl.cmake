# Toolchain: MSVC's dialect from a Debian machine (clang-tools-14), to compile and not to link.
# CORDON_WINDOWS_HEADERS: the folder of mingw-w64's.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR AMD64)
set(CMAKE_C_COMPILER clang-cl-14)
set(CMAKE_C_COMPILER_TARGET x86_64-pc-windows-msvc)
set(CMAKE_C_FLAGS_INIT "-Wvla -fms-compatibility-version=19.38 -imsvc $ENV{CORDON_WINDOWS_HEADERS} /clang:-fgnuc-version=12.2.0")
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
include(${CMAKE_CURRENT_LIST_DIR}/target.cmake)
