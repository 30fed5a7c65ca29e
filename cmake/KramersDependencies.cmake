# Third-party libraries; every one is included by exactly one .c file of the project.
find_package(OpenMP REQUIRED COMPONENTS C)
find_package(PkgConfig REQUIRED)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(OPENBLAS REQUIRED IMPORTED_TARGET openblas)
find_library(LAPACKE_LIBRARY lapacke REQUIRED)
set(HDF5_PREFER_PARALLEL OFF)
find_package(HDF5 REQUIRED COMPONENTS C)
find_path(RANDOM123_INCLUDE Random123/philox.h REQUIRED)

add_library(kramers_dependencies INTERFACE)
target_link_libraries(kramers_dependencies INTERFACE
  OpenMP::OpenMP_C PkgConfig::JANSSON PkgConfig::OPENBLAS ${LAPACKE_LIBRARY} hdf5::hdf5 m)
target_include_directories(kramers_dependencies SYSTEM INTERFACE ${RANDOM123_INCLUDE})
