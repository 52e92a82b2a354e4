// remove: takes copies that are no longer wanted from their nodes.
#include "processor/remove_work.hpp"
#include "program/processor_program.hpp"

int main(int argc, char** argv) {
    using namespace nodespool;
    const cli::Command command = program::processor_command(
        [](const program::WorkContext& context) {
            return std::make_unique<processor::RemoveWork>(context.cluster, context.spool, context.catalog);
        },
        cli::Transfers::no);
    return cli::run(argc, argv, {"remove", "remove copies that are no longer wanted", {command}});
}
