# Library, header, a package configuration (find_package(cordon)) and a pkg-config file.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(cordon_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/cordon)

install(TARGETS cordon EXPORT cordon
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES include/cordon.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT cordon NAMESPACE cordon:: FILE cordonTargets.cmake
    DESTINATION ${cordon_package_dir})

configure_package_config_file(cmake/cordonConfig.cmake.in cordonConfig.cmake
    INSTALL_DESTINATION ${cordon_package_dir})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/cordonConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES
    ${CMAKE_CURRENT_BINARY_DIR}/cordonConfig.cmake
    ${CMAKE_CURRENT_BINARY_DIR}/cordonConfigVersion.cmake
    cmake/libuv.cmake
    DESTINATION ${cordon_package_dir})

# A static library's user links libuv too; a shared one's does not.
if(CORDON_SHARED)
    set(cordon_pc_requires "Requires.private: libuv >= 1.43")
    set(cordon_pc_define " -DCORDON_SHARED")
else()
    set(cordon_pc_requires "Requires: libuv >= 1.43")
    set(cordon_pc_define "")
endif()
configure_file(cmake/cordon.pc.in cordon.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/cordon.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
