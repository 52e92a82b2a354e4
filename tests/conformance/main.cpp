// The node conformance suite: every kind of node must behave alike. Needs NODESPOOL_TEST_FTP_URL and
// NODESPOOL_TEST_FTP_ROOT (a running FTP server, and its directory on this machine).
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
