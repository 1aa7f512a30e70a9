#include "stages/reporting/html.hpp"

#include <algorithm>

#include "stages/reporting/files.hpp"

namespace nsai::stages {
namespace {

constexpr char const* page_style = R"(
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1c1e21; --quiet: #5c636b; --rule: #d9dce0;
  --band: #f4f5f7; --good: #00684a; --bad: #a33100; }
@media (prefers-color-scheme: dark) { :root { --paper: #17191d; --ink: #e3e5e8; --quiet: #9aa0a8;
  --rule: #353941; --band: #1f2227; --good: #4cc39a; --bad: #ff9466; } }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; padding-bottom: .25rem;
  border-bottom: 1px solid var(--rule); overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.25rem; margin: 0; }
dt { color: var(--quiet); } dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin: .75rem 0 1.25rem; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .9rem .3rem 0;
  border-bottom: 1px solid var(--rule); overflow-wrap: break-word; }
th { color: var(--quiet); font-weight: 600; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
td.yes { color: var(--good); } td.no { color: var(--bad); font-weight: 600; }
figure { margin: 1rem 0 1.5rem; overflow-x: auto; } figure svg { max-width: 100%; height: auto; }
ul { padding-left: 1.2rem; } li { overflow-wrap: anywhere; }
@media print { main { max-width: none; } h2, figure, table { break-inside: avoid; } }
)";

bool looks_like_number(std::string const& text) {
  return !text.empty() && text.find_first_not_of("0123456789.-+e ,to–") == std::string::npos;
}

std::string cell_of(std::string const& text, std::string const& column) {
  std::string kind = column == "passed" && (text == "yes" || text == "no") ? text
                     : looks_like_number(text)                             ? "number"
                                                                           : "";
  return "<td" + (kind.empty() ? std::string{} : " class=\"" + kind + "\"") + ">" +
         xml_escaped(text) + "</td>";
}

std::string html_block(report_content::table const& table) {
  std::string out = "<div class=\"scroll\"><table>\n<thead><tr>";
  for (auto const& name : table.head)
    out += "<th scope=\"col\">" + xml_escaped(name) + "</th>";
  out += "</tr></thead>\n<tbody>\n";
  for (auto const& row : table.rows) {
    out += "<tr>";
    for (std::size_t c = 0; c < row.size(); ++c)
      out += cell_of(row[c], c < table.head.size() ? table.head[c] : "");
    out += "</tr>\n";
  }
  return out + "</tbody>\n</table></div>\n";
}

std::string html_block(report_content::figure const& figure) {
  return "<figure>\n" + figure.svg + "</figure>\n";
}

std::string html_block(report_content::list const& list) {
  std::string out = "<ul>\n";
  for (auto const& item : list.items)
    out += "<li>" + xml_escaped(item) + "</li>\n";
  return out + "</ul>\n";
}

std::string html_block(std::string const& paragraph) {
  return "<p>" + xml_escaped(paragraph) + "</p>\n";
}

}  // namespace

std::string html_of(report_content const& content) {
  auto const title = xml_escaped(content.title);
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>" +
      title + "</title>\n<style>" + page_style + "</style>\n</head>\n<body>\n<main>\n<h1>" + title +
      "</h1>\n";
  if (!content.facts.empty()) {
    out += "<dl>\n";
    for (auto const& fact : content.facts)
      out += "<dt>" + xml_escaped(fact.first) + "</dt><dd>" + xml_escaped(fact.second) + "</dd>\n";
    out += "</dl>\n";
  }
  for (auto const& section : content.sections) {
    out += "<section>\n<h2>" + xml_escaped(section.heading) + "</h2>\n";
    for (auto const& block : section.blocks)
      out += std::visit([](auto const& each) { return html_block(each); }, block);
    out += "</section>\n";
  }
  return out + "</main>\n</body>\n</html>\n";
}

}  // namespace nsai::stages
