# cmake --install: libraries, headers and a CMake package, for find_package(Sluice) and the target sluice::sluice.
include(CMakePackageConfigHelpers)

# The whole framework, under the name that users link.
add_library(sluice_all INTERFACE)
add_library(sluice::sluice ALIAS sluice_all)
set_target_properties(sluice_all PROPERTIES EXPORT_NAME sluice)
target_link_libraries(sluice_all INTERFACE sluice_frontend)
install(TARGETS sluice_all EXPORT SluiceTargets)

# The headers of the frontend include those of the rooms below, except for the backend's. Private headers stay here if they
# need the backend, or zlib and nlohmann-json, which only Sluice's own build has.
install(DIRECTORY ir passes runtime frontend DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/sluice
        FILES_MATCHING PATTERN "*.h" PATTERN "*.def"
        REGEX "(runtime/json|runtime/byte_input|runtime/array_elements|runtime/step_schedule|train/history_json)\\.h$" EXCLUDE)

set(SLUICE_PACKAGE_FOLDER ${CMAKE_INSTALL_LIBDIR}/cmake/Sluice)
install(EXPORT SluiceTargets NAMESPACE sluice:: DESTINATION ${SLUICE_PACKAGE_FOLDER})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/SluiceConfig.cmake.in ${PROJECT_BINARY_DIR}/SluiceConfig.cmake
                              INSTALL_DESTINATION ${SLUICE_PACKAGE_FOLDER})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/SluiceConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/SluiceConfig.cmake ${PROJECT_BINARY_DIR}/SluiceConfigVersion.cmake
        DESTINATION ${SLUICE_PACKAGE_FOLDER})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
