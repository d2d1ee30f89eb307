// fuzz_seeds FOLDER [SOURCES]: writes the seed inputs of each target to FOLDER/TARGET. SOURCES, the repository's tests,
// provides the graphs of text cases.
#include <fmt/format.h>
#include <zlib.h>

#include <fstream>
#include <iterator>
#include <limits>
#include <string>

#include "ir/random_graph.h"
#include "sluice/idx.h"
#include "sluice/ir/text.h"
#include "sluice/npy.h"
#include "sluice/picture.h"
#include "sluice/safetensors.h"
#include "sluice/sluice.h"
#include "tests/fuzz/saved_model_text.h"

using namespace sluice;
using Path = std::filesystem::path;

namespace {

std::string text_of(const Path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// The seeds of one target.
class Seeds {
 public:
  Seeds(const Path& folder, const std::string& target) : folder_(folder / target) {
    std::filesystem::create_directories(folder_);
  }
  Path next() { return folder_ / fmt::format("seed-{}", count_++); }
  void add(std::string_view text) { std::ofstream(next(), std::ios::binary) << text; }
  /// Adds a file, and the same as a gzip file.
  void add_packed(const Path& file) {
    const std::string plain = text_of(file);
    gzFile packed = gzopen(next().c_str(), "wb");
    gzwrite(packed, plain.data(), static_cast<unsigned>(plain.size()));
    gzclose(packed);
  }

 private:
  Path folder_;
  int count_ = 0;
};

std::vector<Array> arrays() {
  return {Array{{1.5F, -0.F, std::numeric_limits<float>::infinity()}, {3}},
          Array{{1e300, 2.}, {2, 1}},
          Array({std::int32_t{-7}, std::int32_t{8}}, {1, 2}),
          Array::scalar(std::int64_t{1} << 40),
          Array{{std::uint8_t{255}, std::uint8_t{0}}, {1, 1, 2}},
          Array{{true, false, true}, {3}},
          Array(DType::kF32, {0, 5})};
}

void write_arrays(const Path& folder) {
  Seeds npy(folder, "npy");
  Seeds safetensors(folder, "safetensors");
  SafeTensors all{{}, {{"format", "sluice"}}};
  for (const Array& array : arrays()) {
    const Path file = npy.next();
    write_npy(file, array);
    npy.add_packed(file);
    all.arrays.emplace(to_string(array.type()), array);
    write_safetensors(safetensors.next(), {{{"a", array}}, {}});
  }
  write_safetensors(safetensors.next(), all);
  Seeds idx(folder, "idx");
  for (const std::vector<std::int64_t>& sizes : std::vector<std::vector<std::int64_t>>{{0}, {3}, {2, 2}, {2, 3, 4}}) {
    const Path file = idx.next();
    write_idx(file, Array(DType::kU8, sizes));
    idx.add_packed(file);
  }
}

void write_pictures(const Path& folder) {
  Seeds images(folder, "image");
  Array picture(DType::kU8, {5, 7});
  std::uint8_t next = 0;
  for (std::uint8_t& pixel : picture.data<std::uint8_t>()) pixel = next += 7;
  const auto png = encode_png(picture);
  images.add({reinterpret_cast<const char*>(png.data()), png.size()});
  images.add("P2\n# by hand\n2 #wide\n2\n255\n0 128\n255 3\n# end");
  images.add(std::string("P5\n2 2\n255\n\0\x80\xff\3", 15));
  images.add(std::string("P5 2 1 65535\n\xff\xff\x80\0", 17));
  write_npy(images.next(), picture);
  write_idx(images.next(), picture);
}

void write_texts(const Path& folder) {
  Seeds csv(folder, "csv");
  csv.add("width,height,kind\r\n1.5, +2,0\r\n\r\n-3e1,\"4\",2\n");
  csv.add("1,2\n3,nan\n1e-400,inf\n");
  csv.add("name,age\n\"a, b\",NA\nc,\n");
  csv.add("\xEF\xBB\xBF\"a \"\"b\"\"\",c\n1,2\n");
  Seeds split(folder, "split");
  for (const char* const text : {"train", "train[1:]+test", "train[:10%]+test[-2:]", "train[20%:80%]", "none[ : ]"})
    split.add(text);
  Seeds flags(folder, "flags");
  for (const char* const text : {"--dump-dir=\"a b\" --time-passes", "--trace=x --trace-steps=2-6", "trace,pass,jit",
                                 "--target-features=+avx2,-fma --no-object-cache", "'--keep-zeros'"})
    flags.add(text);
}

/// Text cases hold one graph each, or several; random graphs cover every op.
void write_graphs(const Path& folder, const Path& sources) {
  Seeds seeds(folder, "ir");
  constexpr std::string_view kFirst = "sluice-ir 1";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(sources)) {
    if (!entry.is_regular_file() || entry.path().extension() != ".ir") continue;
    const std::string text = text_of(entry.path());
    for (std::size_t begin = text.find(kFirst); begin != text.npos;) {
      const std::size_t end = text.find(kFirst, begin + 1);
      const std::string part = text.substr(begin, end - begin);
      seeds.add(part.substr(0, part.rfind("\n}") + 3));
      begin = end;
    }
  }
  constexpr std::uint64_t kRandom = 50;
  constexpr int kNodes = 12;
  for (std::uint64_t seed = 0; seed < kRandom; ++seed) seeds.add(ir::print(ir::random_graph(seed, kNodes)));
}

void write_models(const Path& folder) {
  Seeds seeds(folder, "saved_model");
  const Variable w("layer/w", Array{{0.5F, -1.F, 2.F, 3.F}, {2, 2}});
  const auto logits = [&](const Tensor& x) { return matmul(reshape(cast(x, f32), {batch, 2}), w); };
  const Path model = folder / "model";
  const auto add = [&] {
    std::string text;
    for (const char* const file : fuzz::kModelFiles) {
      if (!text.empty()) text += fuzz::kCut;
      text += text_of(model / file);
    }
    seeds.add(text);
    std::filesystem::remove_all(model);
  };
  save(ExportModule(u8(batch, 1, 2, 1), logits, {"no", "yes"}), model);
  add();
  save(function("line", {f32(batch, 2)}, [&](const Tensor& x) { return matmul(x, w); }), model, {"y"});
  add();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print("usage: fuzz_seeds FOLDER SOURCES\n");
    return 2;
  }
  const Path folder = argv[1];
  std::filesystem::create_directories(folder);
  write_arrays(folder);
  write_pictures(folder);
  write_texts(folder);
  write_graphs(folder, argv[2]);
  write_models(folder);
  return 0;
}
