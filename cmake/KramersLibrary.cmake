# The libraries users link: kramers::shared and kramers::static, both made of the objects of all layers.
# The shared one shows the public functions only; the static one is what the tests link, internals included.
find_path(RANDOM123_INCLUDE Random123/philox.h REQUIRED)
target_include_directories(kramers_flags SYSTEM INTERFACE $<BUILD_INTERFACE:${RANDOM123_INCLUDE}>)

macro(kramers_library)
  set(objects)
  foreach(layer ${ARGN})
    list(APPEND objects ${KRAMERS_OBJECTS_${layer}})
  endforeach()

  set(exports ${PROJECT_BINARY_DIR}/kramers.map)
  file(GLOB public_headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/kramers/*.h
                                             ${PROJECT_SOURCE_DIR}/include/kramers/sys/*.h)
  add_custom_command(OUTPUT ${exports} VERBATIM
    COMMAND ${CMAKE_COMMAND} -DHEADERS=${PROJECT_SOURCE_DIR}/include/kramers -DOUTPUT=${exports}
            -P ${PROJECT_SOURCE_DIR}/cmake/KramersExports.cmake
    DEPENDS ${public_headers} ${PROJECT_SOURCE_DIR}/cmake/KramersExports.cmake)
  add_custom_target(kramers_exports DEPENDS ${exports})

  foreach(lower shared static)
    string(TOUPPER ${lower} kind)
    add_library(kramers_${lower} ${kind} ${objects})
    set_target_properties(kramers_${lower} PROPERTIES OUTPUT_NAME kramers VERSION ${PROJECT_VERSION}
                          SOVERSION ${PROJECT_VERSION_MAJOR} EXPORT_NAME ${lower})
    target_include_directories(kramers_${lower} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                               $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    target_link_libraries(kramers_${lower} PRIVATE $<BUILD_INTERFACE:kramers_flags>)
    add_library(kramers::${lower} ALIAS kramers_${lower})
  endforeach()
  target_link_libraries(kramers_shared PRIVATE $<BUILD_INTERFACE:kramers_dependencies>)
  target_link_libraries(kramers_static PRIVATE $<BUILD_INTERFACE:kramers_dependencies>
                        $<INSTALL_INTERFACE:kramers::third_party>)
  add_dependencies(kramers_shared kramers_exports)
  target_link_options(kramers_shared PRIVATE -Wl,--version-script=${exports})
  set_property(TARGET kramers_shared APPEND PROPERTY LINK_DEPENDS ${exports})
endmacro()
