// Projects whose pages are hard to lay out: few and many columns and segments, names that are long or hostile.
// It does not know the pages.

import { mkdirSync, writeFileSync } from "node:fs";

const HOSTILE = [
  "<script>document.title='broken'</script>",
  "\u202eright to left",
  "a name that goes on and on ".repeat(12).trim(),
  "without_any_space_".repeat(14),
  "\"quoted\" & 'quoted'",
  "東京都の顧客一覧に含まれる列",
];

/// What to make: how many segments and columns.
export const EDGES = [
  { name: "two", segments: 2, columns: 5 },
  { name: "eight", segments: 8, columns: 14 },
  { name: "fifteen", segments: 15, columns: 60 },
];

/// Numbers that look random and are the same every time.
const sequence = seed => () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
};

const quoted = text => `"${text.replaceAll('"', '""')}"`;

/// Writes the project into a folder.
export const make = (folder, { name, segments, columns }) => {
  const random = sequence(segments);
  const names = Array.from({ length: columns }, (_, i) => (columns > 20 && HOSTILE[i]) || `measure_${i}`);
  names[columns - 1] = columns > 20 ? `${HOSTILE[0]} level` : "level";
  const rows = Array.from({ length: 60 * segments }, (_, i) => {
    const segment = i % segments;
    const cells = names.map((_, column) => {
      if (column === columns - 1) return quoted(`level ${segment % 5}${columns > 20 ? ` ${HOSTILE[0]}` : ""}`);
      if (random() < 0.02) return "";
      const centre = ((segment * (column % 7 + 3)) % segments) * 10;
      return (centre + random() * 3).toFixed(2);
    });
    return [`c${i}`, ...cells].join(",");
  });
  mkdirSync(`${folder}/data/raw`, { recursive: true });
  mkdirSync(`${folder}/pipelines`, { recursive: true });
  writeFileSync(`${folder}/data/raw/customers.csv`, [["id", ...names.map(quoted)].join(","), ...rows, ""].join("\n"));
  writeFileSync(`${folder}/pipelines/${name}.yaml`, `\
pipeline: ${name}
stages:
  customers: { uses: ingest.csv, with: { path: data/raw/customers.csv, id: id } }
  profile: { uses: eda.profile, inputs: { table: customers } }
  prepare:
    uses: transform.fit
    inputs: { table: customers }
    with: { numeric: { impute: median, scale: standard }, categorical: { encode: onehot } }
  kmeans:
    uses: cluster.kmeans
    inputs: { matrix: prepare.matrix }
    matrix: { k: [${segments}, ${segments + 1}] }
    with: { k: "\${matrix.k}" }
  hierarchical:
    uses: cluster.hierarchical
    inputs: { matrix: prepare.matrix }
    with: { k: ${segments}, linkage: ward }
  best:
    uses: select.clustering
    inputs: { candidates: [kmeans, hierarchical] }
    with: { rank_by: { silhouette: 1.0 }, require: { segments: [${segments}, ${segments}] } }
  forest:
    uses: classify.forest
    inputs: { table: customers, labels: best.labels }
    with: { trees: 20 }
  champion:
    uses: select.classifier
    inputs: { candidates: [forest] }
  segments:
    uses: segments.profile
    inputs:
      table: customers
      labels: best.labels
      matrix: prepare.matrix
      candidates: [kmeans, hierarchical]
      leaderboard: best.leaderboard
      champion: champion.model
      classifiers: [forest]
`);
};
