// Rounds to one figure: the median, and how far the rounds lay apart.

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Half the distance from lowest to highest, as a part of the median: ±0.1 is ten per cent. */
export function spread(values) {
  return (Math.max(...values) - Math.min(...values)) / 2 / median(values);
}

/** The medians of many rounds of one case. */
export function summary(rounds) {
  const of = (name) => median(rounds.map((round) => round[name]));
  return { rate: of('rate'), spread: spread(rounds.map((r) => r.rate)), p50: of('p50'), p99: of('p99'), cpu: of('cpu'), failed: Math.max(...rounds.map((r) => r.failed)) };
}
