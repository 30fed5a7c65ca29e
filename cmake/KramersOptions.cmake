# Compiler and flags shared by every target.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)        # gnu11: strict c11 switches FMA contraction off
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# -fno-math-errno lets sqrt and friends become instructions; -ffast-math is never used: it would switch a host
# process to flush-to-zero when the plugin is loaded.
add_library(kramers_flags INTERFACE)
target_compile_options(kramers_flags INTERFACE
  $<$<COMPILE_LANGUAGE:C>:-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wpointer-arith>
  $<$<COMPILE_LANG_AND_ID:C,GNU>:-Wno-format-truncation>  # names are cut to their room on purpose
  $<$<COMPILE_LANGUAGE:C>:-fno-math-errno>)
if(KRAMERS_WERROR)
  target_compile_options(kramers_flags INTERFACE -Werror)
endif()
# Fuzzing looks at readers: instrumented kernels would take longer to compile than all the rest (preset asan has them).
set(watched 1)
if(KRAMERS_FUZZ)
  set(watched $<NOT:$<BOOL:$<TARGET_PROPERTY:KRAMERS_KERNELS>>>)
endif()
if(KRAMERS_SANITIZE)
  foreach(option -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_compile_options(kramers_flags INTERFACE $<${watched}:${option}>)
  endforeach()
  target_link_options(kramers_flags INTERFACE -fsanitize=address,undefined)
endif()
if(KRAMERS_TSAN)
  target_compile_options(kramers_flags INTERFACE -fsanitize=thread)
  target_link_options(kramers_flags INTERFACE -fsanitize=thread)
endif()
if(KRAMERS_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID MATCHES Clang)
    message(FATAL_ERROR "KRAMERS_FUZZ needs clang (preset fuzz); the compiler is ${CMAKE_C_COMPILER_ID}")
  endif()
  target_compile_options(kramers_flags INTERFACE $<${watched}:-fsanitize=fuzzer-no-link>)
endif()
