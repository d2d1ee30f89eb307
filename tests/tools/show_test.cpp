// `sluice show`, as a user runs it.
#include <nlohmann/json.hpp>

#include "tests/tools/run_sluice.h"

using namespace sluice;
using namespace sluice::test;
using nlohmann::json;

namespace {

struct Page {
  std::string text;
  json data;
};

/// Returns the page of `file`, and the data in it.
Page show(const std::filesystem::path& file) {
  const TemporaryFolder folder;
  const auto page = folder.path() / "page.html";
  const Outcome outcome = run_sluice(fmt::format("show '{}' -o '{}'", file.string(), page.string()));
  REQUIRE(outcome.err == "");
  REQUIRE(outcome.status == 0);
  const std::string text = text_of(page);
  const std::string start = "<script id=\"data\" type=\"application/json\">";
  const std::size_t begin = text.find(start) + start.size();
  const std::size_t end = text.find("</script>", begin);
  REQUIRE(end != std::string::npos);
  return {text, json::parse(text.substr(begin, end - begin))};
}

std::size_t count_fused(const json& graph) {
  std::size_t count = 0;
  for (const json& node : graph["nodes"]) count += node["kind"] == "fused" ? 1 : 0;
  return count;
}

/// Boxes do not overlap and are within their graph; links lead down. The same holds in bodies.
void check_drawing(const json& graph) {
  const auto number = [](const json& node, const char* key) { return node[key].get<double>(); };
  const json& nodes = graph["nodes"];
  std::size_t overlaps = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    CHECK(number(nodes[i], "x") + number(nodes[i], "width") <= number(graph, "width") + 1);
    CHECK(number(nodes[i], "y") + number(nodes[i], "height") <= number(graph, "height") + 1);
    for (std::size_t j = i + 1; j < nodes.size(); ++j) {
      const bool apart = number(nodes[i], "x") + number(nodes[i], "width") <= number(nodes[j], "x") ||
                         number(nodes[j], "x") + number(nodes[j], "width") <= number(nodes[i], "x") ||
                         number(nodes[i], "y") + number(nodes[i], "height") <= number(nodes[j], "y") ||
                         number(nodes[j], "y") + number(nodes[j], "height") <= number(nodes[i], "y");
      if (!apart) ++overlaps;
    }
    if (nodes[i].contains("body")) check_drawing(nodes[i]["body"]);
  }
  CHECK(overlaps == 0);
  for (const json& link : graph["links"]) {
    const json& points = link["points"];
    for (std::size_t i = 1; i < points.size(); ++i) CHECK(points[i][1].get<int>() >= points[i - 1][1].get<int>());
  }
}

}  // namespace

TEST_CASE("the page of the training step has every stage, with boxes that do not overlap") {
  const auto file = training_step();
  const Page page = show(file);
  CHECK(page.data["name"] == "train_step");
  std::vector<std::string> names;
  for (const json& stage : page.data["stages"]) {
    names.push_back(stage["name"]);
    check_drawing(stage["graph"]);
  }
  CHECK(names == std::vector<std::string>{"traced", "differentiate", "canonicalize", "cse", "fuse"});
  for (const json& node : page.data["stages"][4]["graph"]["nodes"]) {
    CHECK(contains(node["lines"].get<std::string>(), "examples/mnist_mlp.cpp:"));
    CHECK_FALSE(contains(node["lines"].get<std::string>(), ".ir:"));
  }
  CHECK(count_fused(page.data["stages"][3]["graph"]) == 0);
  CHECK(count_fused(page.data["stages"][4]["graph"]) > 10);
}

TEST_CASE("the page needs no other file") {
  const Page page = show(training_step());
  for (const char* outside : {"src=", "href=", "@import", "url(http", "fetch("}) {
    CAPTURE(outside);
    CHECK(page.text.find(outside) == std::string::npos);
  }
  CHECK(page.text.find("@CSS@") == std::string::npos);
  CHECK(page.text.find("@JS@") == std::string::npos);
}

TEST_CASE("a node has its text, its lines, and its contents") {
  const TemporaryFolder folder;
  const std::string text = R"(sluice-ir 1
graph @g(%x: f32[B,4]) state(%w: f32[4] "</script>") {
  %0: f32[B,4] = broadcast %w {shape=[B,4]}
  %1: f32[B,4] = mul %x, %0
  %2: f32[B,4] = exp %1
  return %2
}
)";
  const Page page = show(write_text(folder.path() / "g.ir", text));
  const json& nodes = page.data["stages"][0]["graph"]["nodes"];
  REQUIRE(nodes.size() == 3);  // x, mul, exp: the state and its broadcast are shown inside
  CHECK(nodes[1]["statement"] == "%1: f32[B,4] = mul %x, %0");
  CHECK(nodes[1]["lines"].get<std::string>().ends_with("g.ir:4"));
  CHECK(nodes[1]["rows"][2] == json{"reads", "· </script>"});
  CHECK(nodes[2]["rows"][2] == json{"gives", "→ result 0"});
  const json& fused = page.data["stages"][4]["graph"]["nodes"][1];
  CHECK(fused["kind"] == "fused");
  CHECK(fused["body"]["nodes"].size() == 2);
  CHECK(fused["statement"].get<std::string>().ends_with("}"));
}

TEST_CASE("a stage for graphviz has a cluster for each kernel") {
  const Outcome outcome = run_sluice(fmt::format("show '{}' --dot", training_step().string()));
  CHECK(outcome.status == 0);
  CHECK(outcome.out.starts_with("digraph \"train_step\" {"));
  CHECK(outcome.out.find("subgraph cluster_") != std::string::npos);
  const Outcome wrong = run_sluice(fmt::format("show '{}' --dot --stage fus", training_step().string()));
  CHECK(wrong.err == "sluice: there is no stage 'fus'; did you mean 'fuse'?\n");
}
