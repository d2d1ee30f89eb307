# Reports a compiler that is too old, both to those who build Sluice and to those who use its headers. Clang before 16 does not support
# libstdc++'s std::source_location; g++ before 12 lacks parts of C++20's library.
function(sluice_check_compiler)
  set(least_GNU 12)
  set(least_Clang 16)
  set(least ${least_${CMAKE_CXX_COMPILER_ID}})
  if(least AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS least)
    message(FATAL_ERROR "Sluice needs g++ 12 or Clang 16 at least; this is ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION} "
                        "(${CMAKE_CXX_COMPILER}). Choose another one with -DCMAKE_CXX_COMPILER=...")
  endif()
endfunction()
sluice_check_compiler()
