/** A number of bytes as people read it. */
export function bytesOf(count: number): string {
  const unit = count < 1024 ? 0 : Math.min(4, Math.floor(Math.log2(count) / 10));
  return unit ? `${(count / 2 ** (10 * unit)).toFixed(1)} ${["", "KiB", "MiB", "GiB", "TiB"][unit]}` : `${count} B`;
}

/** What a field says of what is in it. */
export interface Said { validationMessage?: string; validationState?: "error" | "none" }

/** What a field says when it is not right. */
export const bad = (isWrong: boolean, validationMessage: string) => (isWrong ? { validationMessage, validationState: "error" as const } : {});
