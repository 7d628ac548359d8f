# Of the toolchains for another Linux: nothing of the host's is found, only what was built for
# the target and lies in CORDON_TARGET_PREFIX (ci/target makes it).
set(CMAKE_FIND_ROOT_PATH $ENV{CORDON_TARGET_PREFIX})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
