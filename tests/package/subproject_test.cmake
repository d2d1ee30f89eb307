# Builds PROJECT, which adds Sluice from SOURCE as a part, in WORK, and runs it, as on a machine without Chart.js. CCACHE, if given, avoids
# compiling all of Sluice each time.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "failed: ${command}\n${output}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK})
set(launcher)
if(CCACHE)
  set(launcher -DCMAKE_CXX_COMPILER_LAUNCHER=${CCACHE})
endif()
set(ENV{CCACHE_BASEDIR} ${SOURCE})
set(ENV{CCACHE_NOHASHDIR} true)
run(${CMAKE_COMMAND} -S ${PROJECT} -B ${WORK} -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${COMPILER} -DSLUICE=${SOURCE} -DSLUICE_CHART_JS= "-DLLVM_DIR=${LLVM_DIR}"
    ${launcher})
run(${CMAKE_COMMAND} --build ${WORK})
set(ENV{SLUICE_CACHE_DIR} "")
run(${WORK}/subproject)
