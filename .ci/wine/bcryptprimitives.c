/* ProcessPrng, which Go takes its random numbers from and wine 8 lacks, over
 * RtlGenRandom, which advapi32 exports as SystemFunction036. */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length)
{
	return SystemFunction036(data, (ULONG)length);
}
