"""Answer operations in place of moto where moto's answer is not AWS's."""
