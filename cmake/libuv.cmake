# Finds libuv 1.43 or later and calls it cordon::libuv. In this order:
#
#   1. CORDON_LIBUV_SOURCE: a source folder, built with us, static
#   2. a target that the surrounding project has made already
#   3. libuv's own package configuration (libuvConfig.cmake)
#   4. pkg-config; not while cross compiling without a pkg-config of the target's own,
#      because it would happily answer with the host's libuv
#
# Also installed beside our package configuration, for those who link us statically.

if(TARGET cordon::libuv)
    return()
endif()
set(cordon_libuv_floor 1.43)

function(cordon_libuv_first_target out)
    foreach(name IN ITEMS uv_a libuv::uv_a libuv::uv uv)
        if(TARGET ${name})
            set(${out} ${name} PARENT_SCOPE)
            return()
        endif()
    endforeach()
    set(${out} "" PARENT_SCOPE)
endfunction()

# The version in a source folder's header; floors are useless when nobody looks.
function(cordon_libuv_check_source folder out)
    file(STRINGS ${folder}/include/uv/version.h lines REGEX "define UV_VERSION_M(AJOR|INOR) ")
    string(REGEX REPLACE ".*MAJOR +([0-9]+).*MINOR +([0-9]+).*" "\\1.\\2" version "${lines}")
    if(version VERSION_LESS cordon_libuv_floor)
        message(FATAL_ERROR "cordon: libuv ${version} in ${folder} is older than ${cordon_libuv_floor}")
    endif()
    set(${out} ${version} PARENT_SCOPE)
endfunction()

if(CORDON_LIBUV_SOURCE AND NOT TARGET uv_a)
    cordon_libuv_check_source(${CORDON_LIBUV_SOURCE} cordon_libuv_version)
    add_subdirectory(${CORDON_LIBUV_SOURCE} ${CMAKE_CURRENT_BINARY_DIR}/libuv EXCLUDE_FROM_ALL)
    # Its headers are not ours to warn about.
    set_target_properties(uv_a PROPERTIES INTERFACE_SYSTEM_INCLUDE_DIRECTORIES
        $<TARGET_PROPERTY:uv_a,INTERFACE_INCLUDE_DIRECTORIES>)
    if(CORDON_SHARED)
        set_target_properties(uv_a PROPERTIES POSITION_INDEPENDENT_CODE ON)
    endif()
endif()

cordon_libuv_first_target(cordon_libuv)
if(NOT cordon_libuv)
    find_package(libuv ${cordon_libuv_floor} CONFIG QUIET)
    set(cordon_libuv_version ${libuv_VERSION})
    cordon_libuv_first_target(cordon_libuv)
endif()
if(NOT cordon_libuv AND (NOT CMAKE_CROSSCOMPILING OR DEFINED ENV{PKG_CONFIG_LIBDIR}))
    find_package(PkgConfig QUIET)
    if(PKG_CONFIG_FOUND)
        pkg_check_modules(CORDON_LIBUV QUIET IMPORTED_TARGET libuv>=${cordon_libuv_floor})
    endif()
    if(TARGET PkgConfig::CORDON_LIBUV)
        set(cordon_libuv PkgConfig::CORDON_LIBUV)
        set(cordon_libuv_version ${CORDON_LIBUV_VERSION})
    endif()
endif()
if(NOT cordon_libuv)
    message(FATAL_ERROR "cordon: no libuv of at least ${cordon_libuv_floor} (Debian: libuv1-dev); "
        "or name its source folder: -DCORDON_LIBUV_SOURCE=...")
endif()

if(WIN32 AND cordon_libuv_version VERSION_GREATER_EQUAL 1.49
        AND cordon_libuv_version VERSION_LESS 1.52)
    message(WARNING "cordon: reading from a named pipe can hang in libuv 1.49 to 1.51 on Windows; "
        "this is ${cordon_libuv_version}")
endif()

add_library(cordon::libuv INTERFACE IMPORTED)
set_target_properties(cordon::libuv PROPERTIES INTERFACE_LINK_LIBRARIES ${cordon_libuv})
