#include "node/batch_file.hpp"

#include <filesystem>
#include <fstream>

#include "messages/api.hpp"
#include "stages/experiment.hpp"

namespace nsai::node {

namespace fs = std::filesystem;

std::vector<submission> read_batch(std::string const& file, std::string const& owner) {
  json document;
  try {
    document = stages::read_document(file);
  } catch (shape_error const&) {
    std::ifstream in{file};
    std::string line;
    std::size_t number = 0;
    json list = json::array();
    while (std::getline(in, line)) {
      ++number;
      if (line.find_first_not_of(" \t\r") != std::string::npos)
        list.push_back(stages::parse_document(line, file + ":" + std::to_string(number)));
    }
    if (list.size() < 2)
      throw;  // no lines: what was wrong with the document
    document = std::move(list);
  }
  if (document.is_object())
    document = json::array({document});
  std::vector<submission> jobs;
  try {
    json with_list{{"jobs", document}};
    submit_jobs read;
    read_json(with_list, read);
    jobs = std::move(read.jobs);
  } catch (shape_error const& e) {
    throw e.inside(file);
  }
  for (auto& s : jobs) {
    if (s.owner.empty())
      s.owner = owner;
    if (s.metadata.empty())
      s.metadata = json_text::of({{"source", "cli"}});
    if (s.stage != "command" || s.options.empty())
      continue;
    auto options = s.options.value();
    if (options.is_object() && !options.contains("chdir")) {
      options["chdir"] = fs::current_path().string();
      s.options = json_text::of(options);
    }
  }
  return jobs;
}

}  // namespace nsai::node
