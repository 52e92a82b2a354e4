// Users and groups of the system, by name.
#pragma once

#include <sys/types.h>

#include <string>

namespace nodespool::base {

/// "uid NUMBER" where the system knows no name for it.
std::string user_name(uid_t uid);

/// Gives the file to group @p group where that group exists and this user may; quietly nothing otherwise.
/// @throws SystemError where the file system refuses for another reason
void give_to_group(int fd, const std::string& group);

} // namespace nodespool::base
