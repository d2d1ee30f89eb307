# Installs the tree built in BUILD, builds the project CONSUMER of the source PROGRAM against nothing but that, in WORK,
# and runs it.
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

run(${CMAKE_COMMAND} -S ${CONSUMER} -B ${WORK}/build -G ${GENERATOR} -DCMAKE_BUILD_TYPE=Release
    -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_PREFIX_PATH=${WORK}/moved "-DLLVM_DIR=${LLVM_DIR}" -DPROGRAM=${PROGRAM})
run(${CMAKE_COMMAND} --build ${WORK}/build)
set(ENV{SLUICE_CACHE_DIR} "")  # nothing of a test's in the user's cache
run(${CMAKE_COMMAND} -E chdir ${WORK} ${WORK}/build/consumer)
