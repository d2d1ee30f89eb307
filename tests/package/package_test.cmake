# Installs the tree built in BUILD and builds projects of a user's against nothing but that, in WORK: the one that README
# shows, word for word, and CONSUMER of the source PROGRAM. Runs both.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "failed: ${command}\n${output}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix)

# The package can be moved: it names no folder of the build or of the sources.
file(GLOB_RECURSE package_files ${WORK}/prefix/*.cmake)
foreach(file IN LISTS package_files)
  file(READ ${file} text)
  foreach(folder IN ITEMS ${BUILD} ${SOURCE})
    string(FIND "${text}" "${folder}" position)
    if(NOT position EQUAL -1)
      message(FATAL_ERROR "${file} names ${folder}")
    endif()
  endforeach()
endforeach()
file(RENAME ${WORK}/prefix ${WORK}/moved)

# build(PROJECT NAME OPTIONS...): the project in the folder PROJECT, in the folder NAME; build_and_run runs its program NAME, too.
set(ENV{SLUICE_CACHE_DIR} "")  # nothing of a test's in the user's cache
set(ENV{XDG_CACHE_HOME} ${WORK}/cache)
function(build project name)
  run(${CMAKE_COMMAND} -S ${project} -B ${WORK}/${name} -G ${GENERATOR} -DCMAKE_BUILD_TYPE=Release
      -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_PREFIX_PATH=${WORK}/moved "-DLLVM_DIR=${LLVM_DIR}" ${ARGN})
  run(${CMAKE_COMMAND} --build ${WORK}/${name})
endfunction()
function(build_and_run project name)
  build(${project} ${name} ${ARGN})
  run(${CMAKE_COMMAND} -E chdir ${WORK} ${WORK}/${name}/${name})
endfunction()

build_and_run(${CONSUMER} consumer -DPROGRAM=${PROGRAM})

# Each installed header compiles alone, with nothing before it.
file(GLOB_RECURSE headers RELATIVE ${WORK}/moved/include/sluice ${WORK}/moved/include/sluice/*.h)
list(LENGTH headers count)
if(count LESS 50)
  message(FATAL_ERROR "only ${count} headers are installed")
endif()
foreach(header IN LISTS headers)
  string(MAKE_C_IDENTIFIER ${header} identifier)
  file(WRITE ${WORK}/headers/${identifier}.cpp "#include \"${header}\"\n")
endforeach()
file(WRITE ${WORK}/headers/CMakeLists.txt [[
cmake_minimum_required(VERSION 3.25)
project(Headers LANGUAGES CXX)
find_package(Sluice 0.1 REQUIRED CONFIG)
find_package(Eigen3 REQUIRED CONFIG)  # for frontend/eigen.h
file(GLOB sources *.cpp)
add_library(headers OBJECT ${sources})
target_link_libraries(headers PRIVATE sluice::sluice Eigen3::Eigen)
target_compile_options(headers PRIVATE -fsyntax-only)
]])
build(${WORK}/headers headers_build)

# first_block(VARIABLE LANGUAGE): the first block of README in that language.
file(READ ${SOURCE}/README.md readme)
function(first_block variable language)
  set(begin "\n```${language}\n")
  string(FIND "${readme}" "${begin}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "README has no block ${language}")
  endif()
  string(LENGTH "${begin}" length)
  math(EXPR at "${at} + ${length}")
  string(SUBSTRING "${readme}" ${at} -1 text)
  string(FIND "${text}" "```" end)
  string(SUBSTRING "${text}" 0 ${end} text)
  set(${variable} "${text}" PARENT_SCOPE)
endfunction()

first_block(project cmake)
first_block(frame "cpp frame")
first_block(lines cpp)
string(REPLACE "  // the lines at the top of this page\n" "${lines}" program "${frame}")
if(program STREQUAL frame)
  message(FATAL_ERROR "README's digits.cpp has no place for the lines at the top")
endif()
file(WRITE ${WORK}/digits_project/CMakeLists.txt "${project}")
file(WRITE ${WORK}/digits_project/digits.cpp "${program}")
build_and_run(${WORK}/digits_project digits)
