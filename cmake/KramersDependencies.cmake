# Third-party libraries; every one is included by exactly one .c file of the project. Also installed and read by
# kramers-config.cmake, because who links the static library links these.
find_package(OpenMP REQUIRED COMPONENTS C)
find_package(PkgConfig REQUIRED)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(EXPAT REQUIRED IMPORTED_TARGET expat)
pkg_check_modules(MD REQUIRED IMPORTED_TARGET libmd)
pkg_check_modules(OPENBLAS REQUIRED IMPORTED_TARGET openblas)
find_library(LAPACKE_LIBRARY lapacke REQUIRED)
set(HDF5_PREFER_PARALLEL OFF)
find_package(HDF5 REQUIRED COMPONENTS C)

add_library(kramers_dependencies INTERFACE)
target_link_libraries(kramers_dependencies INTERFACE
  OpenMP::OpenMP_C PkgConfig::JANSSON PkgConfig::YAML PkgConfig::SQLITE PkgConfig::MD PkgConfig::EXPAT PkgConfig::OPENBLAS ${LAPACKE_LIBRARY} hdf5::hdf5 m)
