// How a job's end is told: one log line, and the same for whoever watches the run.
#pragma once

#include "base/log.hpp"
#include "processor/work.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace nodespool::processor {

/// "stored", "already-stored", "duplicate", "stale", "rejected", "resubmitted", "left".
std::string word_for(Result result, const Work& work);

/// result, job, file (encoded), node, name, bytes, seconds, reason: those that the job has.
base::LogFields fields_of(const Job& job, const Work& work);

/// The cluster server itself failed at the job: logged; its line stays for the next run.
void leave(Job& job, const base::Error& error);
/// The same of a group that failed as a whole; logged once.
void leave(const std::vector<Job*>& jobs, const base::Error& error);

void log_end(const Job& job, const Work& work);

} // namespace nodespool::processor
