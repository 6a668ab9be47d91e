// What the steps of the wizard have in common.
import type { Draft } from "./draft";

export interface StepProps {
  d: Draft;
  set: (change: Partial<Draft>) => void;
  say: (field: string) => { validationMessage?: string; validationState?: "error" | "none" };
}

export const replace = <T,>(list: T[], index: number, change: Partial<T>) => list.map((item, at) => (at === index ? { ...item, ...change } : item));
export const without = <T,>(list: T[], index: number) => list.filter((_, at) => at !== index);
