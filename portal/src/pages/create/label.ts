import { get, home } from "../../api";

/** Why a group cannot have a DNS name label. */
export async function complaintAbout(location: string, label: string): Promise<string | undefined> {
  const { id } = await home();
  const { available } = await get(`${id}/providers/Microsoft.Network/locations/${location}/CheckDnsNameAvailability?domainNameLabel=${label}`);
  return available ? undefined : `Another group has the name ${label}.`;
}
