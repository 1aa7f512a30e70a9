#pragma once

#include <map>
#include <string>
#include <string_view>

namespace nsai::fuzz {

/// Gives bytes from outside to one part of the program. It returns for every input; a crash, an
/// exception that comes out of it or a sanitizer's report is a bug.
using target = void (*)(std::string_view bytes);

/// By name; tests/fuzz/corpus/NAME holds inputs that each target knows already.
std::map<std::string, target> const& targets();

// What a person writes: files_targets.cpp
void config(std::string_view bytes);      // a node's config file
void experiment(std::string_view bytes);  // an experiment file; a line PATH=VALUE may go before it
void proposer(std::string_view bytes);    // the text of a proposer
void matrices(std::string_view bytes);    // an .npy file, or an array of rows
void networks(std::string_view bytes);    // a model or a checkpoint; the first byte chooses
void simulation(std::string_view bytes);  // files of `nsai simulate`; the first byte chooses
// texts_target.cpp
void answers(std::string_view bytes);  // a line of a program that scores texts
void texts(std::string_view bytes);    // what abstracts, claims and proposals are made of
// words_target.cpp
void words(
    std::string_view bytes);  // sizes, durations, arrays, times, patterns; the first byte chooses
// What other processes send: bytes_targets.cpp
void frames(std::string_view bytes);  // between node and warden
void hosts(std::string_view bytes);   // between a worker and its stage hosts
void spool(std::string_view bytes);   // a file of the spool
// messages_target.cpp
void messages(std::string_view bytes);  // clients, nodes and scheduler to each other; likewise

/// A promise that did not hold: ends the process with the text.
void require(bool holds, char const* what);

}  // namespace nsai::fuzz
