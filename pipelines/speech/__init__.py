"""What speech alone needs: sound, clips with transcripts, and text as it is spoken."""
