# Installs the tree built in BUILD and builds user projects against only that, in WORK: the one that the README shows, word for word,
# CONSUMER with the source PROGRAM, and STEP, which asks for one component. Runs them. Compiles each installed header alone, and builds the
# examples.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "failed: ${command}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix)

# The package is relocatable: it names no folder of the build or of the sources.
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

# build(PROJECT NAME OPTIONS...): builds the project in the folder PROJECT in the folder NAME; build_and_run also runs its program NAME.
set(ENV{SLUICE_CACHE_DIR} "")  # keep tests out of the user's cache
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

# Each installed header compiles alone, with nothing before it, and nothing else is installed next to them.
file(GLOB others RELATIVE ${WORK}/moved/include ${WORK}/moved/include/*)
if(NOT others STREQUAL "sluice")
  message(FATAL_ERROR "expected include/sluice alone, got: ${others}")
endif()
file(GLOB_RECURSE headers RELATIVE ${WORK}/moved/include ${WORK}/moved/include/*.h)
list(LENGTH headers count)
if(count LESS 50)
  message(FATAL_ERROR "only ${count} headers are installed")
endif()
foreach(header IN LISTS headers)
  string(MAKE_C_IDENTIFIER ${header} identifier)
  file(WRITE ${WORK}/headers/${identifier}.cpp "#include <${header}>\n")
endforeach()
file(WRITE ${WORK}/headers/CMakeLists.txt [[
cmake_minimum_required(VERSION 3.25)
project(Headers LANGUAGES CXX)
find_package(Sluice 0.1 REQUIRED CONFIG COMPONENTS train cli)
find_package(Eigen3 REQUIRED CONFIG)  # for sluice/eigen.h
file(GLOB sources *.cpp)
add_library(headers OBJECT ${sources})
target_link_libraries(headers PRIVATE sluice::sluice sluice::cli Eigen3::Eigen)
target_compile_options(headers PRIVATE -fsyntax-only)
]])
build(${WORK}/headers headers_build)

# A program that traces and runs a step contains nothing of pictures, tables and pages, neither in what it links nor in itself.
run(${CMAKE_COMMAND} -S ${STEP} -B ${WORK}/step -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${COMPILER}
    -DCMAKE_PREFIX_PATH=${WORK}/moved "-DLLVM_DIR=${LLVM_DIR}")
run(${CMAKE_COMMAND} --build ${WORK}/step --verbose)
set(built "${output}")
run(${WORK}/step/step)
run(ldd ${WORK}/step/step)
string(APPEND built "${output}")
run(nm --demangle ${WORK}/step/step)
string(APPEND built "${output}")
if(NOT built MATCHES "libsluice_execution\\.a" OR NOT built MATCHES "libLLVM" OR NOT built MATCHES "sluice::runtime::Executable::create")
  message(FATAL_ERROR "expected how the step is linked, got:\n${built}")
endif()
foreach(unwanted IN ITEMS "png" "libcsv" "-lcsv" "csv_parse" "libonnx" "libprotobuf" "libsluice_(data|report|train)" "sluice::report::")
  if(built MATCHES "${unwanted}")
    message(FATAL_ERROR "a program that only runs a step has something of ${CMAKE_MATCH_0}")
  endif()
endforeach()
file(STRINGS ${WORK}/step/step texts REGEX "Chart\\.js")
if(texts)
  message(FATAL_ERROR "a program that only runs a step holds Chart.js")
endif()

# A program that writes ONNX asks for that component.
if(EXISTS ${WORK}/moved/include/sluice/onnx.h)
  file(WRITE ${WORK}/export/CMakeLists.txt [[
cmake_minimum_required(VERSION 3.25)
project(Export LANGUAGES CXX)
find_package(Sluice 0.1 REQUIRED CONFIG COMPONENTS onnx)
add_executable(export_onnx export_onnx.cpp)
target_link_libraries(export_onnx PRIVATE sluice::onnx)
]])
  file(WRITE ${WORK}/export/export_onnx.cpp [[
#include <sluice/frontend.h>
#include <sluice/onnx.h>
int main() {
  const auto twice = sluice::function("twice", {sluice::f32(sluice::batch).named("x")}, [](sluice::Tensor x) { return x * 2; });
  sluice::save_onnx(twice, "twice.onnx", {"y"});
}
]])
  build_and_run(${WORK}/export export_onnx)
  if(NOT EXISTS ${WORK}/twice.onnx)
    message(FATAL_ERROR "the program of the component onnx has written no file")
  endif()
endif()

# A component that does not exist.
file(WRITE ${WORK}/unknown/CMakeLists.txt [[
cmake_minimum_required(VERSION 3.25)
project(Unknown LANGUAGES CXX)
find_package(Sluice 0.1 REQUIRED CONFIG COMPONENTS data plots)
]])
execute_process(COMMAND ${CMAKE_COMMAND} -S ${WORK}/unknown -B ${WORK}/unknown_build -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${COMPILER}
                        -DCMAKE_PREFIX_PATH=${WORK}/moved "-DLLVM_DIR=${LLVM_DIR}"
                RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
string(REGEX REPLACE "[ \n]+" " " output "${output}")
if(result EQUAL 0 OR NOT output MATCHES "Sluice has no component 'plots'; it has execution, frontend, saved_models, data, report, train")
  message(FATAL_ERROR "expected a word on the component plots, got: ${output}")
endif()

# The examples are programs as users write them.
build(${SOURCE}/examples examples)

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
