import { ActivityTable } from "../parts/ActivityTable";

export default function Activity() {
  return (
    <>
      <h1>Activity log</h1>
      <p>Who asked for which change in the last 24 hours, and what came of it.</p>
      <ActivityTable />
    </>
  );
}
