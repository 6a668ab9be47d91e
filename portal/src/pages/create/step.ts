// What the steps of the wizard have in common.
import type { Said } from "../../parts/format";
import type { Draft } from "./draft";

export interface StepProps {
  d: Draft;
  set: (change: Partial<Draft>) => void;
  say: (field: string) => Said;
}
