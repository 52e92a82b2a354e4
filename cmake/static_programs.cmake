# NODESPOOL_CAN_LINK_STATIC: do programs that contain the C library, too, start here? They need its static archive and
# that of xxhash, position-independent code, and a C library whose threads are a part of it.
include(CheckCXXSourceRuns)

find_library(XXHASH_ARCHIVE libxxhash.a)
set(NODESPOOL_CAN_LINK_STATIC OFF)
if(XXHASH_ARCHIVE AND NOT CMAKE_CROSSCOMPILING AND NOT NODESPOOL_SANITIZE)
  set(CMAKE_REQUIRED_LINK_OPTIONS -static-pie)
  check_cxx_source_runs("
    #include <cstdio>
    #include <map>
    #include <string>
    #include <thread>
    #if !__GLIBC_PREREQ(2, 34)
    #error threads are a library of their own
    #endif
    int main(int argc, char** argv) {
        std::map<std::string, int> counts;
        std::thread([&] { counts[argv[0]] = argc; }).join();
        std::puts(counts.begin()->first.c_str());
        return counts.size() == 1 ? 0 : 1;
    }" NODESPOOL_STATIC_PIE_RUNS)
  unset(CMAKE_REQUIRED_LINK_OPTIONS)
  set(NODESPOOL_CAN_LINK_STATIC ${NODESPOOL_STATIC_PIE_RUNS})
endif()
