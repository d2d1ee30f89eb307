# cmake --install: libraries, headers and a CMake package, for find_package(Sluice) and the target sluice::sluice.
include(CMakePackageConfigHelpers)

install(TARGETS sluice_all EXPORT SluiceTargets)

set(SLUICE_PACKAGE_FOLDER ${CMAKE_INSTALL_LIBDIR}/cmake/Sluice)
install(EXPORT SluiceTargets NAMESPACE sluice:: DESTINATION ${SLUICE_PACKAGE_FOLDER})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/SluiceConfig.cmake.in ${PROJECT_BINARY_DIR}/SluiceConfig.cmake
                              INSTALL_DESTINATION ${SLUICE_PACKAGE_FOLDER})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/SluiceConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/SluiceConfig.cmake ${PROJECT_BINARY_DIR}/SluiceConfigVersion.cmake
              ${CMAKE_CURRENT_LIST_DIR}/compilers.cmake
        DESTINATION ${SLUICE_PACKAGE_FOLDER})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
