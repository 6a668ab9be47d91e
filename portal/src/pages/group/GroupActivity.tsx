import { ActivityTable } from "../../parts/ActivityTable";

/** Who changed a group and its containers. */
export default function GroupActivity({ id, rg }: { id: string; rg: string }) {
  return <ActivityTable filter={`resourceGroupName eq '${rg}'`} below={`${id}/`} />;
}
