# Finds jansson 2.10 or later (Debian: libjansson-dev) if it is there: its CMake package, or what
# pkg-config knows, if that is for the system that we build for. CORDON_JANSSON is then the target's
# name, else empty.

find_package(jansson 2.10 CONFIG QUIET)
set(CORDON_JANSSON jansson::jansson)
find_package(PkgConfig QUIET)
if(NOT TARGET ${CORDON_JANSSON} AND PKG_CONFIG_FOUND
        AND (NOT CMAKE_CROSSCOMPILING OR DEFINED ENV{PKG_CONFIG_LIBDIR}))
    pkg_check_modules(JANSSON QUIET IMPORTED_TARGET jansson>=2.10)
    set(CORDON_JANSSON PkgConfig::JANSSON)
endif()
if(NOT TARGET ${CORDON_JANSSON})
    set(CORDON_JANSSON "")
endif()
