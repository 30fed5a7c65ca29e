# Compiler and flags shared by every target.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_EXTENSIONS ON)        # gnu11: strict c11 switches FMA contraction off
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_library(kramers_flags INTERFACE)
target_compile_options(kramers_flags INTERFACE
  $<$<COMPILE_LANGUAGE:C>:-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wpointer-arith>
  $<$<COMPILE_LANGUAGE:C>:-fno-math-errno -fvisibility=default>)
if(KRAMERS_WERROR)
  target_compile_options(kramers_flags INTERFACE -Werror)
endif()
if(KRAMERS_SANITIZE)
  target_compile_options(kramers_flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(kramers_flags INTERFACE -fsanitize=address,undefined)
endif()
if(KRAMERS_TSAN)
  target_compile_options(kramers_flags INTERFACE -fsanitize=thread)
  target_link_options(kramers_flags INTERFACE -fsanitize=thread)
endif()
