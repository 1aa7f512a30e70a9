#include "stages/reporting/markdown.hpp"

#include "stages/reporting/files.hpp"

namespace nsai::stages {
namespace {

std::string row_of(std::vector<std::string> const& cells) {
  std::string out = "|";
  for (auto const& cell : cells)
    out += " " + markdown_escaped(cell) + " |";
  return out + "\n";
}

std::string markdown_block(report_content::table const& table) {
  std::string rule = "|";
  for (std::size_t c = 0; c < table.head.size(); ++c)
    rule += "---|";
  auto out = row_of(table.head) + rule + "\n";
  for (auto const& row : table.rows)
    out += row_of(row);
  return out;
}

std::string markdown_block(report_content::figure const& figure) {
  return "![" + markdown_escaped(figure.title) + "](" + figure.file + ")\n";
}

std::string markdown_block(report_content::list const& list) {
  std::string out;
  for (auto const& item : list.items)
    out += "- " + markdown_escaped(item) + "\n";
  return out;
}

std::string markdown_block(std::string const& paragraph) {
  return markdown_escaped(paragraph) + "\n";
}

}  // namespace

std::string markdown_of(report_content const& content) {
  auto out = "# " + markdown_escaped(content.title) + "\n\n";
  for (auto const& fact : content.facts)
    out += "- " + markdown_escaped(fact.first) + ": " + markdown_escaped(fact.second) + "\n";
  for (auto const& section : content.sections) {
    out += "\n## " + markdown_escaped(section.heading) + "\n";
    for (auto const& block : section.blocks)
      out += "\n" + std::visit([](auto const& each) { return markdown_block(each); }, block);
  }
  return out;
}

}  // namespace nsai::stages
