import { TagRows } from "../../parts/TagRows";
import type { StepProps } from "./step";

export const Tags = ({ d, set, say }: StepProps) => (
  <div className="form"><TagRows tags={d.tags} onChange={(tags) => set({ tags })} say={(index) => say(`tags.${index}`)} /></div>
);
