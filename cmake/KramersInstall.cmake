# Installation: headers, both libraries, the program, files for find_package(kramers) and pkg-config.
#   find_package(kramers)                     gives kramers::shared, and kramers::kramers, its other name
#   find_package(kramers COMPONENTS static)   gives kramers::static, too, and finds what it links
include(CMakePackageConfigHelpers)
set(config_folder ${CMAKE_INSTALL_LIBDIR}/cmake/kramers)

foreach(kind shared static)
  install(TARGETS kramers_${kind} EXPORT kramers_${kind}
          LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT kramers_${kind} NAMESPACE kramers:: FILE kramers-${kind}.cmake DESTINATION ${config_folder})
endforeach()
install(DIRECTORY include/kramers DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
if(TARGET kramers)
  install(TARGETS kramers RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
if(TARGET kramers_mpi_module)
  install(TARGETS kramers_mpi_module LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/kramers)
endif()

configure_package_config_file(cmake/kramers-config.cmake.in ${PROJECT_BINARY_DIR}/kramers-config.cmake
                              INSTALL_DESTINATION ${config_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/kramers-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/kramers-config.cmake ${PROJECT_BINARY_DIR}/kramers-config-version.cmake
              cmake/KramersDependencies.cmake DESTINATION ${config_folder})

# The prefix relative to the .pc file, so that an installed copy may be moved.
file(RELATIVE_PATH KRAMERS_PC_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(cmake/kramers.pc.in ${PROJECT_BINARY_DIR}/kramers.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/kramers.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
