# Finds cmocka and calls it cordon::cmocka: what pkg-config knows for the system that we build for,
# or else header and library in CMAKE_PREFIX_PATH.

find_package(PkgConfig QUIET)
if(PKG_CONFIG_FOUND AND (NOT CMAKE_CROSSCOMPILING OR DEFINED ENV{PKG_CONFIG_LIBDIR}))
    pkg_check_modules(CMOCKA QUIET IMPORTED_TARGET cmocka)
endif()
if(TARGET PkgConfig::CMOCKA)
    set(cordon_cmocka PkgConfig::CMOCKA)
    set(cordon_cmocka_include "")
else()
    find_path(CORDON_CMOCKA_INCLUDE cmocka.h)
    find_library(CORDON_CMOCKA_LIBRARY NAMES cmocka-static cmocka)
    set(cordon_cmocka ${CORDON_CMOCKA_LIBRARY})
    set(cordon_cmocka_include ${CORDON_CMOCKA_INCLUDE})
    if(NOT CORDON_CMOCKA_INCLUDE OR NOT CORDON_CMOCKA_LIBRARY)
        message(FATAL_ERROR
            "cordon: no cmocka (Debian: libcmocka-dev); or do without: -DCORDON_TESTS=OFF")
    endif()
endif()

add_library(cordon::cmocka INTERFACE IMPORTED)
set_target_properties(cordon::cmocka PROPERTIES
    INTERFACE_LINK_LIBRARIES ${cordon_cmocka}
    INTERFACE_INCLUDE_DIRECTORIES "${cordon_cmocka_include}")
