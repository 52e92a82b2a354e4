// The node conformance suite: every kind of node must behave alike. Runs under tests/servers/with-servers,
// which starts the servers and names them in the environment.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
