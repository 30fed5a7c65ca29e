# Installation: headers and libraries.
include(GNUInstallDirs)
install(TARGETS kramers_shared kramers_static
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/kramers DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
