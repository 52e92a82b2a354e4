// Sockets for servers that only this machine can reach.
#pragma once

#include <netinet/in.h>

#include <cstdint>

namespace nodespool::node::test {

/// 127.0.0.1; @p port 0: any that is free.
sockaddr_in loopback(std::uint16_t port);
/// @return the listening socket, which is the caller's. @throws std::system_error
int listen_on_loopback();
std::uint16_t port_of(int listening);

} // namespace nodespool::node::test
